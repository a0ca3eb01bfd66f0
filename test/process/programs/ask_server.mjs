// Asks the server at an address with the key of the environment, and prints the answer or the error as JSON.
import { connect } from "../../../dist/index.js";

try {
  const model = await connect(process.argv[2], { apiKey: process.env.ASKED_KEY, format: "hermes", retries: 3 });
  console.log(JSON.stringify({ text: (await model.reply("Hi")).text }));
  await model.close();
} catch ({ code, message, remedy }) {
  console.log(JSON.stringify({ code, message, remedy }));
}
