import { root } from "../host";

/** What the server said was wrong: RFC 9457 problem details, or Airflow's `detail`. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
    this.name = "ApiError";
  }
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

/** Address of an API route with its query; empty and absent values are left out. */
export function address(path: string, query: Query = {}): string {
  const url = new URL(path.replace(/^\//, ""), new URL(root, document.baseURI));
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((each: string) => url.searchParams.append(name, each));
    else if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url.href;
}

/** Get JSON. @throws {ApiError} when the server refuses or cannot be reached (status 0). */
export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const answer = await request(path, query, { ...(signal ? { signal } : {}) });
  return (await answer.json()) as T;
}

/** Get text, for example a log. @throws {ApiError} as {@link get}. */
export async function getText(path: string, query: Query = {}, signal?: AbortSignal): Promise<string> {
  const answer = await request(path, query, { ...(signal ? { signal } : {}), headers: { Accept: "text/plain" } });
  return answer.text();
}

/** Change something; the header that no form of another site can send stands against forged requests. */
export async function send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const answer = await request(path, {}, {
    method,
    headers: { "Content-Type": "application/json", "X-Requested-With": "chronos" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return (text ? JSON.parse(text) : null) as T;
}

async function request(path: string, query: Query, options: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    // The session's cookie says who asks; no token stands in an address or in this page's storage.
    answer = await fetch(address(path, query), {
      credentials: "same-origin",
      ...options,
      headers: { Accept: "application/json", ...(options.headers as Record<string, string> | undefined) },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "No answer", "The server does not answer. It is asked again by itself.");
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  try {
    const body = JSON.parse(text) as { title?: unknown; detail?: unknown };
    const title = typeof body.title === "string" ? body.title : answer.statusText;
    const detail = typeof body.detail === "string" ? body.detail : JSON.stringify(body.detail ?? body);
    return new ApiError(answer.status, title, detail);
  } catch {
    return new ApiError(answer.status, answer.statusText, text.slice(0, 300));
  }
}
