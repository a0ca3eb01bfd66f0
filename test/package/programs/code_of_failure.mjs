// Prints the code and the message with which loading the model fails, or that it did not.
import { load } from "caduceus";
const [name] = process.argv.slice(2);
console.log(
  JSON.stringify(
    await load(name, { contextSize: 512 }).then(
      () => "it loaded",
      ({ code, message }) => [code, message],
    ),
  ),
);
process.exit();
