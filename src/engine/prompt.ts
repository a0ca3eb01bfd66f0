// What a prompt is made of, and the renderer of chat templates.

/**
 * One part of a prompt. `text` is never read as markup: a `<|im_start|>` inside it stays ordinary characters.
 * `control` is the template's own markup: special tokens in it become those tokens. `tokens` are taken as they are.
 * Neighboring texts are tokenized as one, those between the special tokens of `control` included.
 */
export type PromptPart =
  | { readonly text: string }
  | { readonly control: string }
  | { readonly tokens: ArrayLike<number> };

/** Parts of a prompt, or why there are none: then a limit was reached, or the template refuses its variables. */
export type RenderedTemplate =
  | { readonly parts: readonly PromptPart[]; readonly failure?: undefined }
  | { readonly failure: string; readonly isLimit: boolean };

/**
 * Renders a Jinja chat template with `variables`, the JSON of an object with `messages` and so on, off the event loop.
 * What comes from their strings becomes `text`, but for roles, types and the texts of tokens; the template's own is
 * `control`. `milliseconds` of processor time at most.
 */
export type RenderTemplate = (source: string, variables: string, milliseconds: number) => Promise<RenderedTemplate>;
