// A model's Markdown as elements. All of it becomes text nodes, never HTML.
import { useMemo } from "preact/hooks";
import { readBlocks, type Block } from "./blocks.js";
import { readSpans, type Span } from "./spans.js";

/** Parsed again only when the text changes. */
export function Markdown({ text }: { readonly text: string }) {
  return useMemo(() => <div class="prose">{readBlocks(text).map(renderBlock)}</div>, [text]);
}

function renderBlock(block: Block, key: number) {
  switch (block.kind) {
    case "heading":
      return <HeadingText key={key} level={block.level} text={block.text} />;
    case "paragraph":
      return (
        <p key={key}>
          <Line text={block.text} />
        </p>
      );
    case "code":
      return <Code key={key} text={block.text} language={block.language} />;
    case "quote":
      return <blockquote key={key}>{block.blocks.map(renderBlock)}</blockquote>;
    case "rule":
      return <hr key={key} />;
    case "list": {
      const items = block.items.map((item, index) => {
        const [first, ...rest] = item;
        return (
          <li key={index}>
            {first?.kind === "paragraph" ? (
              <>
                <Line text={first.text} />
                {rest.map(renderBlock)}
              </>
            ) : (
              item.map(renderBlock)
            )}
          </li>
        );
      });
      return block.start === undefined ? (
        <ul key={key}>{items}</ul>
      ) : (
        <ol key={key} start={block.start}>
          {items}
        </ol>
      );
    }
    case "table":
      return (
        <div key={key} class="scroll" tabIndex={0} role="region" aria-label="Table">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, column) => (
                  <th key={column} scope="col">
                    <Line text={cell} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((cell, column) => (
                    <td key={column}>
                      <Line text={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
}

/** Below the headings of the page, whatever level the model chose. */
function HeadingText({ level, text }: { readonly level: number; readonly text: string }) {
  return (
    <p class={`heading heading-${Math.min(level, 4)}`} role="heading" aria-level={Math.min(level + 2, 6)}>
      <Line text={text} />
    </p>
  );
}

export function Code({
  text,
  language = "",
  label = "Code",
}: {
  readonly text: string;
  readonly language?: string;
  readonly label?: string;
}) {
  return (
    <div class="code">
      {language === "" ? null : <span class="code-language">{language}</span>}
      <pre tabIndex={0} role="region" aria-label={language === "" ? label : `${label} in ${language}`}>
        <code>{text}</code>
      </pre>
    </div>
  );
}

function Line({ text }: { readonly text: string }) {
  return <>{readSpans(text).map(renderSpan)}</>;
}

function renderSpan(span: Span, key: number) {
  switch (span.kind) {
    case "text":
      return span.text;
    case "code":
      return <code key={key}>{span.text}</code>;
    case "strong":
      return <strong key={key}>{span.spans.map(renderSpan)}</strong>;
    case "emphasis":
      return <em key={key}>{span.spans.map(renderSpan)}</em>;
    case "struck":
      return <s key={key}>{span.spans.map(renderSpan)}</s>;
    case "link":
      return (
        <a key={key} href={span.address} target="_blank" rel="noopener noreferrer nofollow">
          {span.spans.map(renderSpan)}
        </a>
      );
  }
}
