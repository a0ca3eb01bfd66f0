export const hostileShapes: Readonly<Record<string, (size: number) => string>>;
