import { render } from "preact";
import { App } from "./app";
import { applyTheme, storedTheme } from "./state/theme";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/dashboard.css";

applyTheme(storedTheme());
const root = document.getElementById("app");
if (root) render(<App />, root);
