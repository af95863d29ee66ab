// The little that the tests use of Node and jsdom, so that neither's types weigh on the install.
declare module "node:fs" {
  export function readFileSync(path: URL, encoding: "utf8"): string;
}
declare module "jsdom" {
  export class JSDOM {
    constructor(html: string, options: { url: string; referrer?: string; runScripts: "outside-only"; pretendToBeVisual?: boolean });
    readonly window: Window & typeof globalThis;
  }
}
