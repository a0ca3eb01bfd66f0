// All that the page can do: ask, read along, stop. It never sees ipcRenderer itself. (Sandboxed preloads are CommonJS.)
const { contextBridge, ipcRenderer } = require("electron");

const readers = new Map();
ipcRenderer.on("text", (_event, number, text) => readers.get(number)?.(text));
let last = 0;

contextBridge.exposeInMainWorld("caduceus", {
  /** Calls `onText` with each piece; `finished` is why the answer ended. */
  ask(question, onText) {
    const number = ++last;
    readers.set(number, onText);
    const finished = ipcRenderer.invoke("ask", number, question).finally(() => readers.delete(number));
    return { finished, stop: () => ipcRenderer.send("stop", number) };
  },
});
