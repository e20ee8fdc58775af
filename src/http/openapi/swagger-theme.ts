/**
 * Additions to Swagger UI's page: a viewport for phones, dark colours if the system or the page at / is dark, and links to
 * that page.
 */
const SCRIPT = `
const dark = matchMedia('(prefers-color-scheme: dark)');
const chosen = (localStorage.getItem('cellstep.theme') ?? '').replaceAll('"', '');
const paint = () => document.documentElement.classList.toggle('dark-mode', chosen === 'dark' || (chosen !== 'light' && dark.matches));
paint();
dark.addEventListener('change', paint);
document.documentElement.lang = 'en';
document.head.append(Object.assign(document.createElement('meta'), { name: 'viewport', content: 'width=device-width' }));
const ways = Object.assign(document.createElement('nav'), { className: 'ways' });
ways.setAttribute('aria-label', 'cellstep');
const home = location.pathname.replace(/docs\\/?$/, '');
for (const [text, address] of [['Play', '#/'], ['Learn', '#/learn'], ['Inspect', '#/inspect'], ['Tutorial', '#/tour'], ['openapi.yaml', 'openapi.yaml']]) {
  ways.append(Object.assign(document.createElement('a'), { href: home + address, textContent: text }));
}
document.body.prepend(ways);
`;

const STYLE = `
.ways { display: flex; flex-wrap: wrap; gap: 0.5rem 1.2rem; max-width: 1460px; margin: 0 auto; padding: 0.8rem 20px 0; font: 1rem system-ui, sans-serif; }
.ways a { color: #0b57d0; }
html.dark-mode body { background: inherit; }
html.dark-mode .ways a { color: #8ab4f8; }
.swagger-ui .filter .operation-filter-input { max-width: 100%; }
`;

/** Without keys the page needs no padlocks. */
const OPEN_STYLE = '.swagger-ui .scheme-container, .swagger-ui .authorization__btn { display: none; }';

/** Scripts and styles that are added to Swagger UI's page; `locked` says whether callers need a key. */
export function swaggerTheme(locked: boolean) {
  return {
    title: 'cellstep API',
    js: [{ filename: 'page.js', content: `{${SCRIPT}}` }],
    css: [{ filename: 'page.css', content: locked ? STYLE : STYLE + OPEN_STYLE }],
  };
}
