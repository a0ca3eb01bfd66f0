// The main process: loads the model, answers the window's questions, and sends the text as it comes.
import { app, BrowserWindow, ipcMain } from "electron";
import { fileURLToPath } from "node:url";
import { load } from "caduceus";

// Reads while the window opens; the engine computes on a thread of its own, so that the windows stay responsive.
const loading = load(process.env.CADUCEUS_MODEL ?? "smollm2", { contextSize: 4096, gpuLayers: process.env.CADUCEUS_GPU_LAYERS === undefined ? undefined : Number(process.env.CADUCEUS_GPU_LAYERS) });
loading.catch(() => {}); // Whoever asks is told.

/** What each page has asked and not yet got to the end, by the page's own number for it. */
const asked = new Map();

ipcMain.handle("ask", async ({ sender }, number, question) => {
  // Pages can send anything.
  if (typeof question !== "string" || !Number.isSafeInteger(number)) throw new Error("Expected a number and a question.");
  const key = `${sender.id} ${number}`;
  const controller = new AbortController();
  const stop = () => controller.abort();
  asked.set(key, stop);
  sender.once("destroyed", stop);
  try {
    const model = await loading;
    const reply = model.reply(question, { maxTokens: 400, signal: controller.signal });
    for await (const text of reply.textStream) sender.send("text", number, text);
    return (await reply).finishReason;
  } catch (error) {
    // A signal's reason is no failure; an error's message crosses to the page, its code does not.
    if (controller.signal.aborted) return "stopped";
    throw error;
  } finally {
    sender.removeListener("destroyed", stop);
    asked.delete(key);
  }
});

ipcMain.on("stop", ({ sender }, number) => asked.get(`${sender.id} ${number}`)?.());

let isClosed = false;
app.on("before-quit", (event) => {
  if (isClosed) return;
  event.preventDefault();
  void loading.then((model) => model.close(), () => {}).then(() => {
    isClosed = true;
    app.quit();
  });
});
app.on("window-all-closed", () => app.quit());

await app.whenReady();
const window = new BrowserWindow({
  width: 720,
  height: 640,
  webPreferences: { preload: fileURLToPath(new URL("preload.cjs", import.meta.url)), contextIsolation: true, sandbox: true, nodeIntegration: false },
});
await window.loadFile(fileURLToPath(new URL("index.html", import.meta.url)));
