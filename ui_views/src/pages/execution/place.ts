/** Which task instance a page is about. */
export interface Place {
  readonly dagId: string;
  readonly runId: string;
  readonly taskId: string;
  readonly mapIndex: number;
}
