import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './app.css';
import { GraphiQL } from 'graphiql';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

const FIRST_QUERY = `# Log in, paste the token above, and ask as yourself.
# mutation { login(username: "QUEP0001", password: "caregraph-demo") { ... on Session { token } } }

query PhysicianSlots {
  slots(filter: { appointmentType: "PHYSICIAN", onlyAvailable: true }, first: 5) {
    nodes {
      code
      start
      available
      city {
        name
      }
    }
    cityStates {
      city
      state
    }
  }
}
`;

const endpoint = new URL('/graphql', location.href);
const socketEndpoint = Object.assign(new URL(endpoint), { protocol: endpoint.protocol === 'https:' ? 'wss:' : 'ws:' });
const input = document.getElementById('token');
const state = document.getElementById('token-state');
const authorization = () => {
  const token = input.value.trim();
  return token === '' ? {} : { authorization: `Bearer ${token.replace(/^Bearer\s+/i, '')}` };
};
const connect = () => createClient({ url: socketEndpoint.href, connectionParams: authorization, retryAttempts: 3 });
let sockets = connect();

// A socket keeps the viewer it was opened with.
input.addEventListener('change', () => {
  void sockets.dispose();
  sockets = connect();
  state.textContent = input.value.trim() === '' ? 'nobody is logged in' : 'requests carry this token';
});

const isSubscription = ({ query, operationName }) => {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false;
  }
};
const fetcher = async (parameters, options) => {
  if (isSubscription(parameters)) return sockets.iterate(parameters);
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization(), ...options?.headers },
    body: JSON.stringify(parameters),
  });
  return response.json();
};

createRoot(document.getElementById('graphiql')).render(
  createElement(GraphiQL, { fetcher, defaultQuery: FIRST_QUERY, shouldPersistHeaders: false }),
);
