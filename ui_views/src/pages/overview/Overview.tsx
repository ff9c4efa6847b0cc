export default function Page() { return <main className="page">to be written</main>; }
