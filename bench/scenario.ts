// What a scenario is, and how long it may take.
import type { Times } from './compare.ts';
import type { Findings } from './report.ts';
import type { Workshop } from './workshop.ts';

export type ScenarioContext = {
  readonly workshop: Workshop;
  readonly times: Times;
  /** Smaller amounts of data, for a look in minutes. */
  readonly quick: boolean;
  /** The most that a store is filled with. */
  readonly items: number;
  /** How long what has no end goes on. */
  readonly minutes: number;
  readonly say: (line: string) => void;
};

export type Scenario = {
  readonly name: string;
  readonly title: string;
  /** What is done and what to keep in mind, for the page; Markdown. */
  readonly about: string;
  readonly run: (context: ScenarioContext) => Promise<Findings>;
};
