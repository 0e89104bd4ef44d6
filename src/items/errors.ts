// The closed set of ways in which a request can fail through no fault of the client.

/** Each code is also the slug of the problem that the client sees. */
export type FailureCode = 'store-unavailable' | 'not-replicated' | 'overloaded' | 'draining' | 'storage-full';

/** A failure after which the client may send the same request again. */
export class ServiceFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ServiceFailure';
    this.code = code;
  }
}
