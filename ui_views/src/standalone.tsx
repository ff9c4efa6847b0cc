/** The host of the pages where Airflow's are not around them: React, the router, and the colours. */
import * as React from "react";
import * as ReactDOM from "react-dom";
import { createRoot } from "react-dom/client";
import * as ReactJSXRuntime from "react/jsx-runtime";
import { BrowserRouter, Link, Route, Routes, useLocation, useNavigate, useParams, useSearchParams } from "react-router-dom";
import { applyTheme } from "./app/preferences";

applyTheme();
// Of the router what the pages use, so that the rest is left out.
const ReactRouterDOM = { Link, Route, Routes, useLocation, useNavigate, useParams, useSearchParams };
Object.assign(globalThis, { React, ReactDOM, ReactJSXRuntime, ReactRouterDOM });

const place = document.getElementById("chronos");
const main = document.querySelector<HTMLMetaElement>('meta[name="chronos-main"]')?.content;

async function start(element: HTMLElement, address: string): Promise<void> {
  await import(/* @vite-ignore */ new URL(address, document.baseURI).href);
  const App = (globalThis as unknown as Record<string, React.ComponentType>)["CHRONOS"];
  if (!App) throw new Error("the bundle gave no component");
  const base = new URL("chronos/ui", document.baseURI).pathname;
  createRoot(element).render(
    <BrowserRouter basename={base}><App /></BrowserRouter>,
  );
}

if (place && main) {
  start(place, main).catch((error: unknown) => {
    place.textContent = `The pages could not be loaded: ${String(error)}. Load this page again.`;
  });
}
