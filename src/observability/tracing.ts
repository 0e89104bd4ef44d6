// What the rest of the service knows of tracing. Nothing of OpenTelemetry is loaded by it.

/** By the names that OpenTelemetry gives them in logs, so that tools find a trace from its lines and back. */
export type TraceIds = {
  readonly trace_id: string;
  readonly span_id: string;
  /** `01` when the trace is kept, `00` when it is not. */
  readonly trace_flags: string;
};

export type RequestStart = {
  readonly method: string;
  /** The template of the address; undefined where no route matches. */
  readonly route: string | undefined;
  readonly scheme: string;
  readonly httpVersion: string;
  readonly requestId: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** Numbers and names from closed sets: nothing that a client posted, no digest of it and no key may be in a trace. */
export type RequestFacts = Readonly<Record<string, string | number>>;

/** The part of a trace that is one request. */
export interface RequestTrace {
  readonly ids: TraceIds;
  /** The header `traceparent` of the answer. */
  readonly traceparent: string;
  /** The trace id where the trace is kept: for exemplars, and for whatever is not worth doing for others. */
  readonly keptTraceId: string | undefined;
  /** What its save came to is known. */
  saved(): void;
  /** It is answered. What is called after that has no effect. */
  end(status: number, facts: RequestFacts): void;
}

export interface RequestTracer<T extends RequestTrace> {
  /** A request begins, as a part of the trace that its headers name or of a new one. */
  begin(start: RequestStart): T;
}
