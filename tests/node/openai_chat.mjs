import OpenAI from "openai";
import { base, key, model, question, schema, tell, thrown } from "./scenarios.mjs";

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const hello = [{ role: "user", content: "Reply with exactly: hello there" }];

const whole = await client.chat.completions.create({ model, messages: hello });

let streamed = "";
let usage = null;
const stream = await client.chat.completions.create({
  model,
  messages: hello,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}

const tools = [{ type: "function", function: { name: "get_weather", parameters: schema } }];
const messages = [{ role: "user", content: question }];
const called = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
const message = called.choices[0].message;
const call = message.tool_calls[0];
messages.push(message, { role: "tool", tool_call_id: call.id, content: "sunny" });
const answered = await client.chat.completions.create({ model, messages, tools });

tell({
  whole: whole.choices[0].message.content,
  streamed,
  counted: usage.total_tokens === whole.usage.total_tokens,
  called: [call.function.name, JSON.parse(call.function.arguments)],
  answered: answered.choices[0].message.content,
  unknown: await thrown(() => client.chat.completions.create({ model: "no-such-model", messages: hello })),
  stranger: await thrown(() =>
    client.withOptions({ apiKey: "sk-wrong" }).chat.completions.create({ model, messages: hello }),
  ),
});
