/** On Airflow's dashboard: the overview's sentence, and the way to the rest. */
import type { JSX } from "react";
import { t } from "../../i18n";
import { To } from "../../ui/basics";
import { Sentence } from "./Sentence";

export default function Now(): JSX.Element {
  return (
    <section className="card row wrap" aria-label="CHRONOS">
      <Sentence />
      <span className="right"><To path="/">{t("Overview")} →</To></span>
    </section>
  );
}
