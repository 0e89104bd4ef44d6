// Has every answer of an application in a test checked against the OpenAPI document.
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { assertContract } from './contract.ts';

/** Replaces `inject` by one that throws when an answer is not as the document says. */
export function holdToContract(app: FastifyInstance): void {
  const inject = app.inject.bind(app) as (options: InjectOptions) => Promise<LightMyRequestResponse>;
  const checked = async (options: InjectOptions): Promise<LightMyRequestResponse> => {
    const response = await inject(options);
    const { method = 'GET', url = '', headers } = response.raw.req;
    const { payload, payloadAsStream } = options;
    const isJson = /^application\/json/i.test(headers['content-type'] ?? '');
    assertContract({
      method,
      url,
      sent: isJson && typeof payload === 'string' ? payload : undefined,
      status: response.statusCode,
      headers: response.headers,
      body: payloadAsStream === true ? null : response.body,
    });
    return response;
  };
  app.inject = checked as typeof app.inject;
}
