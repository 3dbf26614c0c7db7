import OpenAI from "openai";
import { base, key, model, question, schema, tell, thrown } from "./scenarios.mjs";

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const hello = "Reply with exactly: hello there";

const whole = await client.responses.create({ model, input: hello, store: false });
const stream = client.responses.stream({ model, input: hello, store: false });
let streamed = "";
stream.on("response.output_text.delta", (event) => (streamed += event.delta));
const final = await stream.finalResponse();

const tools = [{ type: "function", name: "get_weather", parameters: schema, strict: true }];
const input = [{ role: "user", content: question }];
const called = await client.responses.stream({ model, input, tools, store: false }).finalResponse();
const call = called.output.find((item) => item.type === "function_call");
input.push(...called.output, { type: "function_call_output", call_id: call.call_id, output: "sunny" });
const answered = await client.responses.create({ model, input, tools, store: false });

tell({
  whole: whole.output_text,
  streamed,
  counted: final.usage.total_tokens === whole.usage.total_tokens,
  called: [call.name, JSON.parse(call.arguments)],
  answered: answered.output_text,
  unknown: await thrown(() => client.responses.create({ model: "no-such-model", input: hello })),
  stranger: await thrown(() => client.withOptions({ apiKey: "sk-wrong" }).responses.create({ model, input: hello })),
});
