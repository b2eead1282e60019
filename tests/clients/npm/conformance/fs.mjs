// What the suite imports from "fs" that Node.js 20 does not have; only its other commands use it.
export * from "node:fs";
export { default } from "node:fs";
export const globSync = () => [];
