// The Vercel AI SDK, with the provider that PROVIDER names.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { base, key, model, question, tell, thrown } from "./scenarios.mjs";

const made = {
  "openai-compatible": (apiKey) =>
    createOpenAICompatible({ name: "headgate", baseURL: `${base}/v1`, apiKey, includeUsage: true }),
  openai: (apiKey) => createOpenAI({ baseURL: `${base}/v1`, apiKey }),
  anthropic: (apiKey) => createAnthropic({ baseURL: `${base}/v1`, apiKey }),
  google: (apiKey) => createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey }),
}[process.env.PROVIDER];
const hello = { prompt: "Reply with exactly: hello there", system: "Be brief.", maxRetries: 0 };

const whole = await generateText({ model: made(key)(model), ...hello });
const stream = streamText({ model: made(key)(model), ...hello });
let streamed = "";
for await (const text of stream.textStream) streamed += text;

const called = [];
const weather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: async (input) => {
    called.push("get_weather", input);
    return "sunny";
  },
});
const looped = streamText({
  model: made(key)(model),
  prompt: question,
  tools: { get_weather: weather },
  stopWhen: stepCountIs(3),
  maxRetries: 0,
});

tell({
  answered: await looped.text,
  whole: whole.text,
  streamed,
  counted: (await stream.usage).totalTokens === whole.usage.totalTokens,
  called,
  unknown: await thrown(() => generateText({ model: made(key)("no-such-model"), ...hello })),
  stranger: await thrown(() => generateText({ model: made("sk-wrong")(model), ...hello })),
});
