// Shows the service's own description; validatorUrl is off, since it would ask a server elsewhere.
window.addEventListener("DOMContentLoaded", () => {
  window.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    // The models would be as long again as all that one came for.
    defaultModelsExpandDepth: -1,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
