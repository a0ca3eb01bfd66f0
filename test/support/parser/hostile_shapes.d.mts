// Types of hostile_shapes.mjs.

export const hostileShapes: Readonly<Record<string, (size: number) => string>>;
