// What every client is asked to do, and how a script tells what it saw: one line of JSON.
export const base = process.env.BASE;
export const key = process.env.KEY;
export const model = process.env.MODEL;
export const question = "What is the weather in Paris?";
export const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

export function tell(seen) {
  console.log(JSON.stringify(seen));
}

// The name of the class and the status of what is thrown.
export async function thrown(ask) {
  try {
    await ask();
  } catch (error) {
    return { name: error.constructor.name, status: error.status ?? error.statusCode };
  }
  return null;
}
