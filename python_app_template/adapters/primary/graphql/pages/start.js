// What stands under "Headers" goes with each request, and into `connection_init` of a subscription; it is not kept.
const socket = location.protocol === "https:" ? "wss:" : "ws:";

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql", subscriptionUrl: `${socket}//${location.host}/graphql` }),
    defaultEditorToolsVisibility: "headers",
    defaultHeaders: '{\n  "authorization": "Bearer TOKEN"\n}',
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
  }),
);
