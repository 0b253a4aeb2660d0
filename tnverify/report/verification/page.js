(() => {
  "use strict";
  const all = (query) => [...document.querySelectorAll(query)];

  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const pre = button.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(pre.textContent);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(pre);
        const selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  const form = document.querySelector("form.filter");
  const names = new Map(all(".verdicts li").map((li) => [li.dataset.s, li.querySelector(".spec").textContent.toLowerCase()]));
  const show = () => {
    const { subject, verdict, family } = form.elements;
    const wanted = (each) =>
      (!verdict.value || each.dataset.verdict === verdict.value) &&
      (names.get(each.dataset.s) || "").includes(subject.value.trim().toLowerCase());
    for (const each of all("[data-s]")) each.hidden = !wanted(each);
    for (const each of all("[data-families]")) each.hidden = Boolean(family.value) && !each.dataset.families.split(" ").includes(family.value);
    for (const each of all("[data-family]")) each.hidden = Boolean(family.value) && each.dataset.family !== family.value;
    const left = all(".verdicts li").filter((li) => !li.hidden).length;
    form.querySelector("output").textContent = left === names.size ? "" : `${left} of ${names.size} layers`;
  };
  if (names.size) {
    form.hidden = false;
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  const reveal = () => {
    const found = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = found; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (found) found.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
