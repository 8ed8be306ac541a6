// A box in the head of a table that ticks every row's. Without JavaScript it stays hidden and rows are ticked one by one.
(() => {
  "use strict";

  for (const all of document.querySelectorAll("[data-choose-all]")) {
    const boxes = () => [...document.querySelectorAll(`input[type=checkbox][name="${all.dataset.chooseAll}"]`)];
    const follow = () => {
      const ticked = boxes().filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes().length;
      all.indeterminate = ticked > 0 && !all.checked;
      for (const details of document.querySelectorAll("details.desk-bulk")) if (ticked) details.open = true;
    };
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes()) box.checked = all.checked;
      follow();
    });
    document.addEventListener("change", (event) => event.target.name === all.dataset.chooseAll && follow());
  }
})();
