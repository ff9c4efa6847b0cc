/** The thin bar over every page: where to go, what to look for, whether what is shown is current. */
import { useRef, useState, type JSX, type ReactNode, type SyntheticEvent } from "react";
import { useLocation, useNavigate } from "react-router-dom";
import { airflowHref, alone, pageHref, root } from "../host";
import { duration } from "../format";
import { LANGUAGES, choose, t, useLanguage } from "../i18n";
import { useNow } from "../ui/basics";
import { Help } from "./Help";
import { useShortcuts } from "./keyboard";
import { useLiveness } from "./live";
import { pages } from "./pages";
import { DENSITIES, useDensity, useTheme, type Density } from "./preferences";

const STALE = 90_000;

export function Frame({ children }: { readonly children: ReactNode }): JSX.Element {
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const [density, setDensity] = useDensity();
  const go = Object.fromEntries(pages().map((page) => [`g ${page.key}`, () => void navigate(pageHref(page.path))]));
  const wall = (): void => setDensity(density === "wall" ? "comfortable" : "wall");
  useShortcuts({ ...go, "/": () => search.current?.focus(), "?": () => setHelp(true), w: wall });
  return (
    <>
      <header className="bar">
        <span className="name"><img src={`${root}chronos/ui/assets/icon.svg`} alt="" />CHRONOS</span>
        <nav aria-label={t("Pages of CHRONOS")}>{pages().map(({ path, name }) => <Tab key={path} path={path} name={name} />)}</nav>
        <Search field={search} />
        <LiveMark />
        <Preferences onHelp={() => setHelp(true)} />
      </header>
      {children}
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

function Tab({ path, name }: { readonly path: string; readonly name: string }): JSX.Element {
  const here = useLocation().pathname;
  const target = pageHref(path);
  const current = path === "/" ? here === target || here === `${target}/` : here.startsWith(target);
  return <CurrentLink path={path} current={current}>{name}</CurrentLink>;
}

function CurrentLink({ path, current, children }: { readonly path: string; readonly current: boolean; readonly children: ReactNode }): JSX.Element {
  const navigate = useNavigate();
  const target = pageHref(path);
  return (
    <a href={alone() ? `${root}chronos/ui${path}` : airflowHref(target)} aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        void navigate(target);
      }}>{children}</a>
  );
}

function Search({ field }: { readonly field: React.RefObject<HTMLInputElement | null> }): JSX.Element {
  const navigate = useNavigate();
  const [words, setWords] = useState("");
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (words.trim()) void navigate(pageHref(`/search?q=${encodeURIComponent(words.trim())}`));
  };
  return (
    <form className="search" role="search" onSubmit={submit}>
      <input ref={field} className="field" type="search" placeholder={t("product, run, workflow…  /")} aria-label={t("Find a product, a run, a workflow")}
        value={words} onChange={(event) => setWords(event.target.value)} />
    </form>
  );
}

function LiveMark(): JSX.Element {
  const { last, failures } = useLiveness();
  const now = useNow(1000);
  const age = now - last;
  const state = failures > 0 ? "lost" : last > 0 && age > STALE ? "stale" : "live";
  const words = {
    live: t("live"),
    stale: t("as of {duration} ago", { duration: duration(age / 1000) }),
    lost: last > 0 ? t("disconnected {duration}", { duration: duration(age / 1000) }) : t("disconnected"),
  }[state];
  return (
    <span className="live" data-live={state} role="status" title={last > 0 ? t("Last answer {duration} ago", { duration: duration(Math.max(0, age) / 1000) }) : ""}>
      <span aria-hidden="true">{state === "live" ? "●" : "◌"}</span>{words}
    </span>
  );
}

function Preferences({ onHelp }: { readonly onHelp: () => void }): JSX.Element {
  const [density, setDensity] = useDensity();
  const [theme, setTheme] = useTheme();
  const language = useLanguage();
  const shown = alone();
  return (
    <span className="row">
      <select className="field small" aria-label={t("Density")} value={density}
        onChange={(event) => setDensity(DENSITIES.find((each) => each === event.target.value) ?? "comfortable")}>
        {DENSITIES.map((each) => <option key={each} value={each}>{densityName(each)}</option>)}
      </select>
      <select className="field small" aria-label={t("Language")} value={language}
        onChange={(event) => choose(LANGUAGES.find((each) => each === event.target.value) ?? "en")}>
        {LANGUAGES.map((each) => <option key={each} value={each}>{each.toUpperCase()}</option>)}
      </select>
      {shown && (
        <button type="button" className="button quiet" onClick={() => setTheme(theme === "dark" ? "light" : "dark")}
          aria-label={theme === "dark" ? t("Light colours") : t("Dark colours")} title={theme === "dark" ? t("Light colours") : t("Dark colours")}>
          {theme === "dark" ? "☀" : "☾"}
        </button>
      )}
      <button type="button" className="button quiet" onClick={onHelp} aria-label={t("Keyboard shortcuts")} title={t("Keyboard shortcuts")}>?</button>
      {shown && <a className="small" href={root}>Airflow</a>}
    </span>
  );
}

function densityName(density: Density): string {
  return { comfortable: t("comfortable"), compact: t("compact"), wall: t("wall") }[density];
}
