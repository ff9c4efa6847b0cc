import { Component, type ErrorInfo, type ReactNode } from "react";

/** Keeps a fault of one page from taking the others with it, and says what it was. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error("a page of CHRONOS failed", error, info.componentStack);
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="page">
        <div className="banner bad" role="alert">
          <div className="grow"><strong>This page failed. </strong>{error.message}</div>
          <button type="button" className="button" onClick={() => this.setState({ error: null })}>Show it again</button>
        </div>
      </div>
    );
  }
}
