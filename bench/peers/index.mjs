// The other packages for Node. A file of this folder, since they are installed here and nowhere else.
const names = { nodeLlamaCpp: "node-llama-cpp", llamaNode: "@fugood/llama.node" };

/** @returns {Promise<any>} */
export const nodeLlamaCpp = () => import(names.nodeLlamaCpp);
/** @returns {Promise<any>} */
export const llamaNode = async () => (await import(names.llamaNode)).default;
