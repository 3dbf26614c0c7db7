import Anthropic from "@anthropic-ai/sdk";
import { base, key, model, question, schema, tell, thrown } from "./scenarios.mjs";

const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
const asked = { model, max_tokens: 2000, messages: [{ role: "user", content: "Reply with exactly: hello there" }] };

const whole = await client.messages.create(asked);
const stream = client.messages.stream(asked);
let streamed = "";
stream.on("text", (text) => (streamed += text));
const final = await stream.finalMessage();

const tools = [{ name: "get_weather", input_schema: schema }];
const messages = [{ role: "user", content: question }];
const called = await client.messages.stream({ ...asked, messages, tools }).finalMessage();
const call = called.content.find((block) => block.type === "tool_use");
messages.push({ role: "assistant", content: called.content });
messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] });
const answered = await client.messages.create({ ...asked, messages, tools });

const said = (message) => message.content.map((block) => block.text ?? "").join("");
tell({
  whole: said(whole),
  streamed,
  counted: final.usage.output_tokens === whole.usage.output_tokens,
  called: [call.name, call.input],
  answered: said(answered),
  unknown: await thrown(() => client.messages.create({ ...asked, model: "no-such-model" })),
  stranger: await thrown(() => client.withOptions({ apiKey: "sk-wrong" }).messages.create(asked)),
});
