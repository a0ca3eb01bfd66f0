// CommonJS on Node 20.19 can require the package.
const { load, CaduceusError } = require("caduceus");
load("no such model").catch((error) => console.log(typeof load, error instanceof CaduceusError, error.code));
