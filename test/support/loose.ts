/** JSON of a shape that the test itself asserts. */
// biome-ignore lint/suspicious/noExplicitAny: answers are as different as questions
export type Loose = any;
