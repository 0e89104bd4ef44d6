// Lets scripts of other origins use the service from a browser, where the settings name these origins.
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { notFound } from './error-handler.ts';
import { HEADERS, REQUEST_HEADERS } from './openapi/headers.ts';

/** How long a browser need not ask again what it may send: the longest that Chromium takes. */
const PREFLIGHT_SECONDS = 7_200;

/**
 * Installs it; `origins` are exact, `*` is everybody. Call it behind `installErrorHandler` and before all hooks that refuse requests, so that
 * scripts can read why. Cookies are never asked for: nothing here knows any.
 */
export async function installCors(app: FastifyInstance, origins: '*' | readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: origins === '*' ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Prefer', ...Object.keys(REQUEST_HEADERS)],
    exposedHeaders: Object.keys(HEADERS),
    maxAge: PREFLIGHT_SECONDS,
    // OPTIONS goes on being answered with 204 and Allow, whoever asks.
    preflightContinue: true,
    strictPreflight: false,
  });
  // The plugin's own route for OPTIONS at every address would answer 200 at those that do not exist.
  app.addHook('onRequest', async (request) => {
    if (request.method === 'OPTIONS' && request.routeOptions.url === '*') throw notFound(request);
  });
}
