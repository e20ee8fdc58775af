import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import { render } from 'preact';
import { Context } from './frame/context.ts';
import { createApp } from './frame/create-app.ts';
import { Frame } from './frame/frame.tsx';
import { createViews, Views } from './views.tsx';

const app = createApp(window);
const views = createViews(app);
// The brand stands there while the scripts load.
const place = document.getElementById('app')!;
place.replaceChildren();
render(
  <Context.Provider value={app}>
    <Frame>
      <Views views={views} />
    </Frame>
  </Context.Provider>,
  place,
);
