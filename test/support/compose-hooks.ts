// What tests of a compose stack have around them: it is started once, shows its logs when a test fails, and is removed.
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { ComposeStack } from './compose.ts';

/** Within `describe`. `define` makes the stack; it is the caller's from then on, and is started after that. */
export function withComposeStack(define: () => Promise<ComposeStack>, instances = 2): void {
  let stack: ComposeStack;
  beforeAll(async () => {
    stack = await define();
    try {
      await stack.build();
      await stack.scale(instances);
    } catch (error) {
      console.error(await stack.logs());
      throw error;
    }
  });
  afterAll(() => stack.remove());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await stack.logs());
  });
}
