// Named places in the save path at which a test can stop or end the process.

/** In the order in which a save passes them. */
export const FAULT_POINTS = [
  'before-lock',
  'after-lock',
  /** The script's reply has arrived, and the proof that replicas have its writes has not. */
  'after-script',
  'after-acknowledgement',
  /** The answers are given, if not yet sent. */
  'before-release',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called at each fault point; the save goes on when it has returned. Must not throw. Production has none. */
export type Probe = (point: FaultPoint) => Promise<void> | void;
