// A model for embeddings as LangChain's.
import { Embeddings, type EmbeddingsParams } from "@langchain/core/embeddings";
import type { EmbedOptions, Model } from "../../index.js";

/** The model, and options of `model.embed`. */
export interface CaduceusEmbeddingsFields
  extends EmbeddingsParams,
    Pick<EmbedOptions, "dimensions" | "normalize" | "pooling" | "truncate"> {
  readonly model: Pick<Model, "embed">;
  /** What the model was trained to see in front of a question, such as `search_query: `. Defaults to nothing. */
  readonly queryPrefix?: string | undefined;
  /** The same for a document. Defaults to nothing. */
  readonly documentPrefix?: string | undefined;
}

/** For vector stores and retrievers. */
export class CaduceusEmbeddings extends Embeddings {
  readonly #fields: CaduceusEmbeddingsFields;

  constructor(fields: CaduceusEmbeddingsFields) {
    super(fields);
    this.#fields = fields;
  }

  override embedDocuments(documents: string[]): Promise<number[][]> {
    return this.#embed(documents, this.#fields.documentPrefix);
  }

  override async embedQuery(document: string): Promise<number[]> {
    const [embedding] = await this.#embed([document], this.#fields.queryPrefix);
    return embedding as number[];
  }

  async #embed(texts: readonly string[], prefix = ""): Promise<number[][]> {
    const { model, dimensions, normalize, pooling, truncate } = this.#fields;
    const options = { dimensions, normalize, pooling, truncate };
    const { embeddings } = await model.embed(
      texts.map((text) => prefix + text),
      options,
    );
    return embeddings.map((embedding) => Array.from(embedding));
  }
}
