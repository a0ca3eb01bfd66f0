// A stand-in for Electron, whose binary cannot be had where these tests run: main process and page in one process, and
// messages that cross between them as copies, a turn later. The page is a program of the test.
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";

const copy = (values) => structuredClone(values);
const later = (work) =>
  new Promise((resolve, reject) => setImmediate(() => Promise.resolve().then(work).then(resolve, reject)));

class App extends EventEmitter {
  whenReady = () => later(() => {});
  quit() {
    let isPrevented = false;
    this.emit("before-quit", { preventDefault: () => (isPrevented = true) });
    if (!isPrevented) console.log("quit");
  }
}
export const app = new App();

class IpcMain extends EventEmitter {
  handlers = new Map();
  handle(channel, handler) {
    this.handlers.set(channel, handler);
  }
}
export const ipcMain = new IpcMain();

const webContents = Object.assign(new EventEmitter(), {
  id: 1,
  send: (channel, ...args) => void later(() => ipcRenderer.emit(channel, {}, ...copy(args))),
});
export const ipcRenderer = Object.assign(new EventEmitter(), {
  invoke: (channel, ...args) =>
    later(() => ipcMain.handlers.get(channel)({ sender: webContents }, ...copy(args))).then(copy),
  send: (channel, ...args) => void later(() => ipcMain.emit(channel, { sender: webContents }, ...copy(args))),
});

const exposed = {};
export const contextBridge = { exposeInMainWorld: (name, api) => (exposed[name] = api) };

export class BrowserWindow {
  #preferences;
  constructor({ webPreferences }) {
    this.#preferences = webPreferences;
  }
  async loadFile() {
    const { preload, contextIsolation, sandbox, nodeIntegration } = this.#preferences;
    console.log(JSON.stringify({ contextIsolation, sandbox, nodeIntegration }));
    createRequire(import.meta.url)(preload);
    const { asPage } = await import("./page_program.mjs");
    await asPage(exposed, { app, webContents });
  }
}
