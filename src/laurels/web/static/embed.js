// <laurels-progress user="ada" view="card"> shows a learner's picture and keeps it fresh. One file, nothing else needed.
(() => {
  "use strict";
  const home = new URL(document.currentScript ? document.currentScript.src : location.href).origin;
  const VIEWS = ["card", "streak", "level", "heatmap"];

  class LaurelsProgress extends HTMLElement {
    static get observedAttributes() {
      return ["user", "view", "theme", "lang", "server", "width", "refresh"];
    }

    connectedCallback() {
      this.show();
      const seconds = Math.max(15, Number(this.getAttribute("refresh")) || 60);
      this.timer = window.setInterval(() => document.hidden || this.show(), seconds * 1000);
    }

    disconnectedCallback() {
      window.clearInterval(this.timer);
    }

    attributeChangedCallback() {
      if (this.isConnected) this.show();
    }

    show() {
      const user = this.getAttribute("user");
      if (!user) return;
      const asked = this.getAttribute("view") || "card";
      const view = VIEWS.includes(asked) ? asked : "card";
      const server = (this.getAttribute("server") || home).replace(/\/+$/, "");
      const address = new URL(`${server}/embed/${encodeURIComponent(user)}/${view}.svg`);
      for (const name of ["theme", "lang", "width"]) {
        const value = this.getAttribute(name);
        if (value) address.searchParams.set(name, value);
      }
      let image = this.querySelector("img");
      if (!image) {
        image = document.createElement("img");
        image.alt = this.getAttribute("alt") || "Learning progress";
        image.addEventListener("error", () => this.dispatchEvent(new CustomEvent("laurels-error", { bubbles: true })));
        this.append(image);
      }
      // A minute is how long the picture may be kept; the number makes the browser ask again after that.
      address.searchParams.set("t", String(Math.floor(Date.now() / 60000)));
      if (image.src !== address.href) image.src = address.href;
    }
  }

  if (!customElements.get("laurels-progress")) customElements.define("laurels-progress", LaurelsProgress);
})();
