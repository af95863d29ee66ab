export { create, type Onepixel, type Options, type Props } from "./core.js";
