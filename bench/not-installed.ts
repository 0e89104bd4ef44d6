// What a peer runs on may be missing on a machine; the others are measured all the same.

export class NotInstalled extends Error {}
