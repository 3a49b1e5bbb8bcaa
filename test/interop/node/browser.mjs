// A headless Chromium goes through the login page as users do: on a phone and on a desktop, in light and dark, without
// JavaScript. A second context with JavaScript measures the same pages from inside.
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { refused, same, setting, step } from './steps.mjs';

const { executable, spki, authorizeUrl, parameters, issuer, consentClient, user, password, folder } = setting;
const SIZES = { phone: { width: 390, height: 844, touch: true }, desktop: { width: 1280, height: 800, touch: false } };

// Where the browser is sent back to: a loopback listener, as a native application has one (RFC 8252 clause 7.3).
const visits = [];
const listener = createServer((rq, rs) => {
        if (rq.url.startsWith('/callback'))
                visits.push(new URL(rq.url, 'http://127.0.0.1'));
        rs.setHeader('Content-Type', 'text/html; charset=utf-8');
        rs.end('<!doctype html><title>Back in the application</title><p>You are signed in.</p>');
});
await new Promise((done) => listener.listen(0, '127.0.0.1', done));
const redirectUri = `http://127.0.0.1:${listener.address().port}/callback`;

const browser = await chromium.launch({
        executablePath: executable,
        headless: true,
        timeout: 60000,
        args: [`--ignore-certificate-errors-spki-list=${spki}`, '--no-sandbox', '--disable-gpu', '--disable-quic',
               '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
               '--disable-dev-shm-usage'],
});

function requestUrl(state, changes = {}) {
        return `${authorizeUrl}?${new URLSearchParams({ ...parameters, state, redirect_uri: redirectUri, ...changes })}`;
}

async function withPage(size, scheme, script, fn) {
        const { width, height, touch } = SIZES[size] ?? size;
        const context = await browser.newContext({
                viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: script, hasTouch: touch,
                isMobile: touch, deviceScaleFactor: touch ? 2 : 1 });
        context.setDefaultTimeout(30000);
        try {
                const page = await context.newPage();
                const loaded = [];
                page.on('request', (rq) => loaded.push(rq.url()));
                await fn(page, loaded);
        } finally {
                await context.close();
        }
}

async function signIn(page, word) {
        await page.getByLabel('MC ID').fill(user); // by its label: R-ID-14, a screen reader finds it too
        await page.getByLabel('Password').fill(word);
        await page.getByRole('button', { name: 'Sign in' }).click();
}

async function shot(page, name) {
        await page.screenshot({ path: `${folder}/${name}.png` });
}

async function walk(page, loaded, name) {
        const state = `state-${name}-${Math.random()}`;
        const before = visits.length;
        await page.goto(requestUrl(state));
        await shot(page, `${name}-1-login`);
        await signIn(page, 'wrong');
        const alert = page.getByRole('alert');
        await alert.waitFor();
        same(/wrong/.test(await alert.innerText()), true, `error text ${await alert.innerText()}`);
        same(await page.getByLabel('MC ID').inputValue(), user, 'name kept');
        same(await page.getByLabel('Password').inputValue(), '', 'password kept');
        await shot(page, `${name}-2-wrong`);
        await signIn(page, password);
        await page.waitForURL(`${redirectUri}*`);
        same(visits.length, before + 1, 'redirects that arrived');
        const got = visits[before].searchParams;
        same(got.get('state'), state, 'state');
        same(got.get('iss'), issuer, 'iss');
        same(got.get('code').length >= 22, true, 'code is long');
        same([...got.keys()].sort(), ['code', 'iss', 'state'], 'parameters');
        const elsewhere = loaded.filter((u) => !u.startsWith(authorizeUrl) && !u.startsWith(new URL(redirectUri).origin));
        same(elsewhere, [], 'other addresses the page loaded'); // nothing from third parties
}

for (const size of Object.keys(SIZES))
        for (const scheme of ['light', 'dark'])
                await step(`sign-on without JavaScript, ${size}, ${scheme} (R-ID-14 R-ID-52)`, () =>
                        withPage(size, scheme, false, (page, loaded) => walk(page, loaded, `${size}-${scheme}`)));

// Runs in the page: everything that is wrong with it, as texts.
function faults() {
        const found = [];
        const parse = (c) => {
                const n = c.match(/[\d.]+/g).map(Number);
                return { r: n[0], g: n[1], b: n[2], a: n[3] ?? 1 };
        };
        const over = (top, below) => ({ a: 1, r: top.r * top.a + below.r * (1 - top.a),
                g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a) });
        const dark = matchMedia('(prefers-color-scheme: dark)').matches;
        const background = (e) => {
                const layers = [];
                for (; e; e = e.parentElement)
                        layers.push(parse(getComputedStyle(e).backgroundColor));
                const canvas = dark ? { r: 18, g: 18, b: 18, a: 1 } : { r: 255, g: 255, b: 255, a: 1 };
                return layers.reduceRight((below, top) => over(top, below), canvas);
        };
        const luminance = ({ r, g, b }) => [r, g, b].map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const contrast = (a, b) => {
                const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
                return (x + 0.05) / (y + 0.05);
        };
        const name = (e) => `${e.tagName.toLowerCase()}${e.id ? '#' + e.id : ''}${e.className ? '.' + e.className : ''}`;
        if (document.documentElement.scrollWidth > innerWidth)
                found.push(`it is ${document.documentElement.scrollWidth} wide in ${innerWidth}`);
        if (!document.documentElement.lang || !document.title)
                found.push('no language or no title');
        if (document.querySelectorAll('main').length !== 1 || document.querySelectorAll('h1').length !== 1)
                found.push('not exactly one main and one h1');
        for (const e of document.querySelectorAll('input:not([type=hidden]),button,a,select,textarea')) {
                const box = e.getBoundingClientRect();
                if (Math.min(box.width, box.height) < 44)
                        found.push(`${name(e)} is ${box.width} by ${box.height}`);
                if (e.matches('input,select,textarea') && e.labels.length === 0)
                        found.push(`${name(e)} has no label`);
                const style = getComputedStyle(e);
                const edge = contrast(over(parse(style.borderTopColor), background(e.parentElement)), background(e.parentElement));
                const fill = contrast(background(e), background(e.parentElement));
                if (Math.max(edge, fill) < 3)
                        found.push(`the edge of ${name(e)} has contrast ${Math.max(edge, fill).toFixed(2)}`);
                if (parseFloat(style.fontSize) < 16)
                        found.push(`${name(e)} has letters of ${style.fontSize}: a phone would zoom`);
        }
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let t = texts.nextNode(); t; t = texts.nextNode()) {
                const e = t.parentElement;
                if (t.data.trim() === '' || e.getClientRects().length === 0)
                        continue;
                const c = contrast(over(parse(getComputedStyle(e).color), background(e)), background(e));
                if (c < 4.5)
                        found.push(`"${t.data.trim().slice(0, 30)}" in ${name(e)} has contrast ${c.toFixed(2)}`);
        }
        for (const e of document.querySelectorAll('script,link,img,iframe,object'))
                found.push(`there is a ${name(e)}`);
        return found;
}

const PAGES = {
        login: async (page) => page.goto(requestUrl('s')),
        wrong: async (page) => {
                await page.goto(requestUrl('s'));
                await signIn(page, 'wrong');
                await page.getByRole('alert').waitFor();
        },
        consent: async (page) => {
                await page.goto(requestUrl('s', { client_id: consentClient }));
                await signIn(page, password);
                await page.getByRole('button', { name: 'Allow' }).waitFor();
        },
        error: async (page) => page.goto(requestUrl('s', { redirect_uri: 'https://evil.example/' })),
};

const MEASURED = { ...SIZES, narrow: { width: 320, height: 568, touch: true } }; // a small phone, or letters of double size
for (const [name, open] of Object.entries(PAGES))
        await step(`measures of the ${name} page (R-ID-14)`, async () => {
                const found = [];
                for (const [size, dimensions] of Object.entries(MEASURED))
                        for (const scheme of ['light', 'dark'])
                                await withPage(dimensions, scheme, true, async (page) => {
                                        await open(page);
                                        await shot(page, `page-${name}-${size}-${scheme}`);
                                        found.push(...(await page.evaluate(faults)).map((f) => `${size} ${scheme}: ${f}`));
                                });
                same(found, [], 'what is wrong');
        });

await step('keyboard alone (R-ID-14)', () => withPage('desktop', 'light', false, async (page) => {
        const before = visits.length;
        await page.goto(requestUrl('keys'));
        await page.keyboard.type(user); // the first field has the focus
        await page.keyboard.press('Tab');
        await page.keyboard.type(password);
        await page.keyboard.press('Enter');
        await page.waitForURL(`${redirectUri}*`);
        same(visits[before].searchParams.get('state'), 'keys', 'state');
}));

await step('consent is asked and can be refused (R-ID-53)', () => withPage('phone', 'light', false, async (page) => {
        const before = visits.length;
        for (const [button, parameter] of [['Refuse', 'error'], ['Allow', 'code']]) {
                await page.goto(requestUrl(button, { client_id: consentClient }));
                await signIn(page, password);
                await page.getByRole('button', { name: button }).click();
                await page.waitForURL(`${redirectUri}*`);
                same(visits.at(-1).searchParams.has(parameter), true, `${parameter} after ${button}`);
        }
        same(visits.length, before + 2, 'redirects');
}));

await step('no other page may frame it (R-ID-140)', () => withPage('desktop', 'light', true, async (page) => {
        await page.goto(new URL('/', redirectUri).href);
        await page.setContent(`<iframe src="${requestUrl('frame').replaceAll('&', '&amp;')}"></iframe>`);
        await refused(() => page.frameLocator('iframe').getByLabel('MC ID').waitFor({ timeout: 2000 }));
}));

await step('back leads to a fresh page (R-ID-140)', () => withPage('phone', 'light', false, async (page) => {
        const codes = [];
        for (let i = 0; i < 2; i++) {
                if (i === 0)
                        await page.goto(requestUrl('back'));
                else
                        await page.goBack(); // not from the cache: the form of before is used up
                same(await page.getByLabel('Password').inputValue(), '', 'password');
                await signIn(page, password);
                await page.waitForURL(`${redirectUri}*`);
                codes.push(visits.at(-1).searchParams.get('code'));
        }
        same(new Set(codes).size, 2, 'different codes');
}));

await browser.close();
listener.close();
