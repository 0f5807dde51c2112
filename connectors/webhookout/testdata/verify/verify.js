// Reads requests from its input and says of each whether the verifier of Standard Webhooks takes it.
const { Webhook } = require("standardwebhooks");
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(asked.map(({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return "ok";
  } catch {
    return "refused";
  }
}).join(" "));
