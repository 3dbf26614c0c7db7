import { GoogleGenAI } from "@google/genai";
import { base, key, model, question, schema, tell, thrown } from "./scenarios.mjs";

const client = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: base } }).models;
const models = client(key);
const hello = { model, contents: "Reply with exactly: hello there" };

const whole = await models.generateContent(hello);
let streamed = "";
let usage = null;
for await (const chunk of await models.generateContentStream(hello)) {
  streamed += chunk.text ?? "";
  usage = chunk.usageMetadata ?? usage;
}

const config = { tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: schema }] }] };
const contents = [{ role: "user", parts: [{ text: question }] }];
const called = await models.generateContent({ model, contents, config });
const call = called.functionCalls[0];
contents.push(called.candidates[0].content);
const response = { id: call.id, name: call.name, response: { output: "sunny" } };
contents.push({ role: "user", parts: [{ functionResponse: response }] });
const answered = await models.generateContent({ model, contents, config });

tell({
  whole: whole.text,
  streamed,
  counted: usage.totalTokenCount === whole.usageMetadata.totalTokenCount,
  called: [call.name, call.args],
  answered: answered.text,
  unknown: await thrown(() => models.generateContent({ ...hello, model: "no-such-model" })),
  stranger: await thrown(() => client("sk-wrong").generateContent(hello)),
});
