/** Path of a tiny model of BERT's architecture, 0.5 MB; makes it when it is missing. */
export function bertModel(kind: "mean" | "cls" | "reranker"): string;
