// What every peer takes and answers, so that all of them do the same work for it.

export const posted = {
  type: 'object',
  properties: { content: { type: 'string', minLength: 1, maxLength: 65_536 } },
  required: ['content'],
  additionalProperties: false,
} as const;

export const saved = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    content: { type: 'string' },
    source: { type: 'string' },
    createdAt: { type: 'string' },
  },
} as const;
