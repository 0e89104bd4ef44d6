// Holds an answer, from wherever it came, against the committed OpenAPI document.
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** An answer and what it answers. Header names are in lower case. */
export type Exchange = {
  readonly method: string;
  readonly url: string;
  /** The JSON text that was sent, if any. */
  readonly sent?: string | undefined;
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Null when it is a stream that is read elsewhere. */
  readonly body: string | null;
};

type Media = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, Media>>;
type Header = { readonly required?: boolean };
type Response = {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Content;
};
type Operation = {
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
};

const DOCUMENT = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as Document;
const ajv = new Ajv2020({ strict: false, validateSchema: false });
formats.default(ajv);
ajv.addSchema(DOCUMENT, 'openapi.json');

/** Headers that say something of the connection, of the bytes, or to browsers, and nothing of the contract. */
const TRANSPORT =
  /^(connection|content-(encoding|length|security-policy|type)|date|keep-alive|transfer-encoding|cache-control|vary|link|server|referrer-policy|x-content-type-options|x-accel-buffering|access-control-.*)$/;

/** Everything in which an exchange is not as the document says; nothing when it is. */
export function contractFaults(exchange: Exchange): string[] {
  const { method, status, headers, body } = exchange;
  const [path = ''] = exchange.url.split('?', 1);
  // What /docs consists of is nobody's to ask for by itself.
  if (path.startsWith('/docs/')) return [];
  // A page for people, and what it is fed with.
  if (/^\/status(\/|$)/.test(path)) return [];
  if (method === 'OPTIONS' && status === 204) {
    return headers['allow'] === undefined || body !== '' ? ['OPTIONS needs Allow and no body'] : [];
  }
  const template = templateOf(path);
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const operation = template === null ? undefined : DOCUMENT.paths[template]?.[verb];
  const at = ['paths', template ?? '', verb];
  const found = responseFor(operation, at, exchange);
  if (found === null) return [`no ${status} is documented`];
  const faults = [...headerFaults(found, headers), ...bodyFaults(found, exchange)];
  // Not 207: some of its items were refused.
  if (
    (status === 200 || status === 201) &&
    exchange.sent !== undefined &&
    operation?.requestBody?.content['application/json'] !== undefined
  ) {
    faults.push(...schemaFaults([...at, 'requestBody', 'content', 'application/json', 'schema'], exchange.sent));
  }
  return faults;
}

/** Throws with all faults of an exchange, if it has any. */
export function assertContract(exchange: Exchange): void {
  const faults = contractFaults(exchange);
  if (faults.length === 0) return;
  const { method, url, status } = exchange;
  throw new Error(`${method} ${url.slice(0, 100)} → ${status} is not as docs/openapi.json says:\n${faults.join('\n')}`);
}

type Found = { readonly response: Response; readonly at: readonly string[] };

/** The documented response, or the one for addresses and methods that are no operation. */
function responseFor(operation: Operation | undefined, at: readonly string[], exchange: Exchange): Found | null {
  const { status, body } = exchange;
  // Also at a documented address: on the port for operators, and what METRICS_PORT takes away.
  if (status === 404 && (operation === undefined || body?.includes('"code":"not-found"'))) return component('NotFound');
  if (status === 405) return component('MethodNotAllowed');
  if (operation === undefined) return status === 400 ? component('BadRequest') : null;
  const response = operation.responses[status];
  if (response === undefined) return null;
  const name = response.$ref?.split('/').at(-1);
  return name === undefined ? { response, at: [...at, 'responses', String(status)] } : component(name);
}

const component = (name: string): Found => ({
  response: DOCUMENT.components.responses[name] as Response,
  at: ['components', 'responses', name],
});

function headerFaults({ response, at }: Found, headers: Exchange['headers']): string[] {
  const documented = Object.entries(response.headers ?? {});
  const names = new Set(documented.map(([name]) => name.toLowerCase()));
  return [
    ...Object.keys(headers)
      .filter((name) => !names.has(name) && !TRANSPORT.test(name))
      .map((name) => `the header ${name} is not documented`),
    ...documented.flatMap(([name, { required }]) => {
      const value = headers[name.toLowerCase()];
      if (value === undefined) return required === true ? [`the header ${name} is missing`] : [];
      return schemaFaults([...at, 'headers', name, 'schema'], JSON.stringify(value));
    }),
  ];
}

function bodyFaults({ response, at }: Found, { method, headers, body }: Exchange): string[] {
  if (body === null) return [];
  if (method === 'HEAD') return body === '' ? [] : ['HEAD is answered with a body'];
  if (response.content === undefined) return body === '' ? [] : ['no body is documented'];
  const [type = ''] = String(headers['content-type']).split(';', 1);
  if (response.content[type] === undefined) return [`the media type ${type} is not documented`];
  if (type === 'application/x-ndjson') {
    const lines = body.split('\n').filter(Boolean);
    return lines.flatMap((line) => schemaFaults(['components', 'schemas', 'BatchResult'], line));
  }
  return type.endsWith('json') ? schemaFaults([...at, 'content', type, 'schema'], body) : [];
}

const validators = new Map<string, ValidateFunction>();

function schemaFaults(at: readonly string[], json: string): string[] {
  const pointer = at.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: `openapi.json#/${pointer}` });
  validators.set(pointer, validate);
  if (validate(JSON.parse(json))) return [];
  return [`${json.slice(0, 200)}: ${ajv.errorsText(validate.errors?.slice(0, 5), { dataVar: at.at(-2) ?? '' })}`];
}

/** The documented path that an address is an instance of. One without parameters goes before one with. */
function templateOf(path: string): string | null {
  if (DOCUMENT.paths[path] !== undefined) return path;
  const isInstance = (template: string): boolean => {
    const [wanted, given] = [template.split('/'), path.split('/')];
    return (
      wanted.length === given.length &&
      wanted.every((step, i) => step === given[i] || (step[0] === '{' && given[i] !== ''))
    );
  };
  return Object.keys(DOCUMENT.paths).find(isInstance) ?? null;
}
