// The page can be read without this script. It filters claims by words, and opens all sections at once.
(() => {
  const claims = [...document.querySelectorAll(".report .claim")];
  const box = document.getElementById("text"), unfold = document.getElementById("unfold");
  box.parentElement.hidden = false;
  const chips = new Map([...document.querySelectorAll(".report .chip")].map(chip => [chip.getAttribute("href"), chip]));
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const claim of claims) {
      const text = claim.querySelector("summary").textContent.toLowerCase();
      claim.hidden = !words.every(word => text.includes(word));
      chips.get("#" + claim.querySelector(".evidence").id).hidden = claim.hidden;
    }
  };
  box.addEventListener("input", filter);
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === "open all";
    for (const claim of claims) claim.open = open;
    unfold.textContent = open ? "close all" : "open all";
  });
  const opened = [];  // some browsers do not open sections for printing by style alone
  addEventListener("beforeprint", () => {
    for (const section of document.querySelectorAll(".report details:not([open])")) opened.push(section), section.open = true;
  });
  addEventListener("afterprint", () => { while (opened.length) opened.pop().open = false; });
  const follow = () => {
    const [, words] = location.hash.match(/^#filter=(.*)/) || [];
    if (words !== undefined) box.value = decodeURIComponent(words), filter();
    const section = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest(".claim");
    if (section) section.open = true, section.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();
})();
