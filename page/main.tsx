import { render } from "preact";
import { watchLive } from "./server/live.js";
import { App } from "./view/app.js";
import { applyTheme } from "./view/theme.js";
import "./style/base.css";
import "./style/layout.css";
import "./style/thread.css";
import "./style/forms.css";
import "./style/dialogs.css";

applyTheme();
watchLive();
render(<App />, document.body);
