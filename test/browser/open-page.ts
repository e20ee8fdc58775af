import type { BrowserContext, Page } from 'playwright-core';

export interface OpenPage {
  readonly page: Page;
  /** Errors of scripts, and what a policy forbade. */
  readonly complaints: string[];
  readonly requests: string[];
}

/** A new tab of a browser, at an address. */
export async function openPage(context: BrowserContext, url: string): Promise<OpenPage> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests };
}
