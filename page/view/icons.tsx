// Icons, drawn in the color of the text. Their meaning is in the text beside them or in the label of their button.

const paths = {
  menu: "M4 7h16M4 12h16M4 17h10",
  settings: "M4 8h9m5 0h2M4 16h2m5 0h9M15.500 8a2.500 2.500 0 1 0 0-.01M8.500 16a2.500 2.500 0 1 0 0-.01",
  send: "M12 19V5m-6 6 6-6 6 6",
  stop: "M7 7h10v10H7z",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  previous: "M14 6l-6 6 6 6",
  next: "M10 6l6 6-6 6",
  trash: "M5 7h14M10 7V5h4v2m-7 0 1 12h8l1-12",
} as const;

export function Icon({ name }: { readonly name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
