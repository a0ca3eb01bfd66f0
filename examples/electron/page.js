// The page: plain text in, plain text out.
const [form, input, stop, output] = ["form", "input", "#stop", "output"].map((name) => document.querySelector(name));
let running;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  running?.stop();
  output.textContent = "";
  const mine = (running = window.caduceus.ask(input.value, (text) => {
    if (mine === running) output.textContent += text;
  }));
  stop.disabled = false;
  try {
    await mine.finished;
  } catch (error) {
    output.textContent += error.message;
  }
  if (mine === running) stop.disabled = true;
});
stop.addEventListener("click", () => running?.stop());
